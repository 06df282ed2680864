<?php

declare(strict_types=1);

namespace Beaconry\Wire;

/** The dropped numbers of one stream, by reason. */
final class Dropped
{
    /** In the order in which they are written. */
    private const REASONS = [
        'full', 'age', 'too_large', 'invalid', 'rejected', 'stale', 'off', 'storage', 'trap', 'poison',
    ];

    /** @var array<string, Ranges> only reasons that have numbers */
    private array $numbers = [];

    /** Reads the object; a reason of a later version is refused with the line, for an unknown loss must not vanish. */
    public static function scan(Scanner $scanner): self
    {
        $dropped = new self();
        $scanner->enter('{');
        while (($reason = $scanner->member()) !== null) {
            if (!in_array($reason, self::REASONS, true)) {
                throw new BadJson();
            }
            $dropped->add($reason, Ranges::scan($scanner));
            // A name may come twice; what is written of the union must still be readable.
            if ($dropped->pieces($reason) > Ranges::MAX) {
                throw new BadJson();
            }
        }
        return $dropped;
    }

    public function extend(self $other): void
    {
        foreach ($other->numbers as $reason => $numbers) {
            $this->add($reason, $numbers);
        }
    }

    /** How many numbers, over all reasons. */
    public function count(): int
    {
        return array_sum(array_map(static fn (Ranges $numbers): int => $numbers->count(), $this->numbers));
    }

    /** One past the last number, of any reason. */
    public function end(): int
    {
        return max([0, ...array_map(static fn (Ranges $numbers): int => $numbers->end(), array_values($this->numbers))]);
    }

    /** The most ranges that one reason has. */
    public function mostPieces(): int
    {
        return max([0, ...array_map($this->pieces(...), self::REASONS)]);
    }

    /** As JSON: `{"full":[[117,120]]}`. */
    public function encode(): string
    {
        $members = [];
        foreach (self::REASONS as $reason) {
            if (isset($this->numbers[$reason])) {
                $members[] = "\"$reason\":" . $this->numbers[$reason]->encode();
            }
        }
        return '{' . implode(',', $members) . '}';
    }

    private function add(string $reason, Ranges $numbers): void
    {
        if ($numbers->pieces() > 0) {
            $this->numbers[$reason] ??= new Ranges();
            $this->numbers[$reason]->extend($numbers);
        }
    }

    private function pieces(string $reason): int
    {
        return isset($this->numbers[$reason]) ? $this->numbers[$reason]->pieces() : 0;
    }
}
