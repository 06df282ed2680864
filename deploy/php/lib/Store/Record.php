<?php

declare(strict_types=1);

namespace Beaconry\Store;

use Beaconry\Wire\Ranges;
use Beaconry\Wire\StreamId;
use Beaconry\Wire\StreamLine;

/** What is known of one stream. */
final class Record
{
    public function __construct(
        /** The numbers that are in the journal. */
        public readonly Ranges $stored,
        /** All its stream lines, merged; `tracked` is at least the end of what is stored or dropped. */
        public readonly StreamLine $line,
        /** Lines of type `delivery` so far. */
        public int $deliveries,
        /** First and last receipt (unix ms). */
        public readonly int $first,
        public int $last,
    ) {
    }

    /** A stream heard of for the first time. */
    public static function fresh(StreamId $stream, int $received): self
    {
        return new self(new Ranges(), new StreamLine($stream), 0, $received, $received);
    }

    /** Notes a number as stored; false if it was. */
    public function store(int $number): bool
    {
        if ($this->stored->contains($number)) {
            return false;
        }
        $this->stored->insert($number, $number + 1);
        $this->line->tracked = max($this->line->tracked, $number + 1);
        return true;
    }

    /** Whether its sets are more than the wire format carries. */
    public function isShredded(): bool
    {
        return $this->stored->pieces() > Ranges::MAX || $this->line->isShredded();
    }
}
