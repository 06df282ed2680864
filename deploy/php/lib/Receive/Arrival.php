<?php

declare(strict_types=1);

namespace Beaconry\Receive;

/** What a request says besides its body. */
final class Arrival
{
    public function __construct(
        /** The stream as the URL names it. */
        public readonly string $stream,
        /** The client's clock when it sent (unix ms), where it could be read. */
        public readonly ?int $now,
        /** Our clock (unix ms). */
        public readonly int $received,
        /** The app that the key stands for. */
        public readonly string $app,
        /** The User-Agent header, or nothing. */
        public readonly string $agent,
    ) {
    }
}
