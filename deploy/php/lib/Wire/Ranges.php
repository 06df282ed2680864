<?php

declare(strict_types=1);

namespace Beaconry\Wire;

/** A set of event numbers: half-open ranges in ascending order that neither overlap nor touch. */
final class Ranges
{
    /** Ranges that one set may have on the wire: what is longer is an attack. */
    public const MAX = 4096;

    /** @var list<array{int, int}> */
    private array $ranges = [];

    /** Reads a set, whatever the order of its ranges. */
    public static function scan(Scanner $scanner): self
    {
        $set = new self();
        $pieces = 0;
        $scanner->enter('[');
        while ($scanner->item()) {
            [$start, $end] = self::pair($scanner);
            if (++$pieces > self::MAX || $start >= $end) {
                throw new BadJson();
            }
            $set->insert($start, $end);
        }
        return $set;
    }

    public static function parse(string $json): self
    {
        $scanner = new Scanner($json);
        $set = self::scan($scanner);
        if (!$scanner->atEnd()) {
            throw new BadJson();
        }
        return $set;
    }

    /** Adds the numbers from $start up to, but without, $end. At the end, where events arrive, in constant time. */
    public function insert(int $start, int $end): void
    {
        $last = count($this->ranges) - 1;
        if ($last < 0 || $start > $this->ranges[$last][1]) {
            $this->ranges[] = [$start, $end];
        } elseif ($start >= $this->ranges[$last][0]) {
            $this->ranges[$last][1] = max($this->ranges[$last][1], $end);
        } else {
            $this->insertInside($start, $end);
        }
    }

    public function extend(self $other): void
    {
        foreach ($other->ranges as [$start, $end]) {
            $this->insert($start, $end);
        }
    }

    public function contains(int $number): bool
    {
        $range = $this->ranges[$this->firstAfter($number)] ?? null;
        return $range !== null && $range[0] <= $number;
    }

    /** Whether any number of the range is in the set. */
    public function intersects(int $start, int $end): bool
    {
        $range = $this->ranges[$this->firstAfter($start)] ?? null;
        return $range !== null && $range[0] < $end;
    }

    /** How many numbers. */
    public function count(): int
    {
        return array_sum(array_map(static fn (array $range): int => $range[1] - $range[0], $this->ranges));
    }

    /** How many ranges, which is what the set weighs on the wire. */
    public function pieces(): int
    {
        return count($this->ranges);
    }

    /** One past the last number. */
    public function end(): int
    {
        return $this->ranges === [] ? 0 : $this->ranges[count($this->ranges) - 1][1];
    }

    /** As JSON: `[[0,117],[120,140]]`. */
    public function encode(): string
    {
        $pairs = array_map(static fn (array $range): string => "[$range[0],$range[1]]", $this->ranges);
        return '[' . implode(',', $pairs) . ']';
    }

    private function insertInside(int $start, int $end): void
    {
        // One that ends where this begins is joined too.
        $at = $this->firstAfter($start - 1);
        $joined = 0;
        while (isset($this->ranges[$at + $joined]) && $this->ranges[$at + $joined][0] <= $end) {
            $start = min($start, $this->ranges[$at + $joined][0]);
            $end = max($end, $this->ranges[$at + $joined][1]);
            $joined++;
        }
        array_splice($this->ranges, $at, $joined, [[$start, $end]]);
    }

    /** Where the first range stands that ends after $number. */
    private function firstAfter(int $number): int
    {
        [$low, $high] = [0, count($this->ranges)];
        while ($low < $high) {
            $middle = intdiv($low + $high, 2);
            if ($this->ranges[$middle][1] <= $number) {
                $low = $middle + 1;
            } else {
                $high = $middle;
            }
        }
        return $low;
    }

    /** @return array{int, int} */
    private static function pair(Scanner $scanner): array
    {
        $numbers = [];
        $scanner->enter('[');
        while ($scanner->item()) {
            $numbers[] = $scanner->number();
            if (count($numbers) > 2) {
                throw new BadJson();
            }
        }
        return count($numbers) === 2 ? $numbers : throw new BadJson();
    }
}
