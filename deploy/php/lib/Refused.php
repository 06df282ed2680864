<?php

declare(strict_types=1);

namespace Beaconry;

/** A request is refused. */
final class Refused extends \Exception
{
    /** @param string|null $message what a person should know, where there is more to say than the refusal itself does */
    public function __construct(public readonly Refusal $refusal, ?string $message = null, ?\Throwable $why = null)
    {
        parent::__construct($message ?? $refusal->tell()[2], 0, $why);
    }
}
