<?php

declare(strict_types=1);

namespace Beaconry\Receive;

use Beaconry\Wire\StreamLine;

/** A body that was looked at, batch by batch: all that is left is to see what of it is new. */
final class Decoded
{
    /**
     * @param array<int, string> $lines the journal lines of the good events, by number
     * @param list<array{int, string}> $rejected batches that are not taken, and why
     * @param int $unnamed batches whose number cannot be read, so that no rejection can name them
     * @param bool $torn the body ended in the middle of its last batch: that is neither good nor the client's fault
     */
    public function __construct(
        public readonly Arrival $arrival,
        public readonly StreamLine $line,
        public readonly array $lines,
        public readonly array $rejected,
        public readonly int $unnamed,
        public readonly bool $torn,
    ) {
    }

    /** Whether it asks and reports alone. */
    public function onlyAsks(): bool
    {
        return $this->lines === [] && $this->rejected === [] && $this->unnamed === 0 && !$this->torn;
    }

    /** The stream's age by the client's own clock (ms), so that a wrong clock makes no stream old. */
    public function age(): int
    {
        return max(0, ($this->arrival->now ?? $this->arrival->received) - $this->line->stream->birth());
    }
}
