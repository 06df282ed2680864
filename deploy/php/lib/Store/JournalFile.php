<?php

declare(strict_types=1);

namespace Beaconry\Store;

/**
 * The name of a journal file, and what every one of them begins with.
 *
 * A folder that a web server shows to everyone keeps nothing secret, so each file is a PHP program that ends before its
 * first event: who asks for it gets nothing. The guard stands in a file before the file has its name, and nothing of ours
 * ever cuts into it.
 */
final class JournalFile
{
    /** The first line. What stands behind it is never compiled, so that no event can be a program. */
    public const GUARD = "<?php __halt_compiler(); // Beaconry: what follows is one event a line, as JSON\n";

    private const NAME = '/^events-(\d{4})-(\d\d)-(\d\d)(?:\.([2-9]|[1-9]\d{1,5}))?\.jsonl(\.gz)?\.php$/D';

    private function __construct(
        /** UTC day of receipt, `YYYY-MM-DD`. */
        public readonly string $day,
        /** 1, then 2, 3, … where a day has several; the first has no number in its name. */
        public readonly int $number,
        public readonly bool $packed,
    ) {
    }

    public static function of(string $day, int $number): self
    {
        return new self($day, $number, false);
    }

    /** Null for any other file. */
    public static function parse(string $name): ?self
    {
        $isOurs = preg_match(self::NAME, $name, $parts, PREG_UNMATCHED_AS_NULL) === 1;
        if (!$isOurs || !checkdate((int) $parts[2], (int) $parts[3], (int) $parts[1])) {
            return null;
        }
        return new self("$parts[1]-$parts[2]-$parts[3]", (int) ($parts[4] ?? 1), $parts[5] !== null);
    }

    public function name(): string
    {
        $number = $this->number === 1 ? '' : ".$this->number";
        return "events-$this->day$number.jsonl" . ($this->packed ? '.gz' : '') . '.php';
    }

    public function packed(): self
    {
        return new self($this->day, $this->number, true);
    }

    public function next(): self
    {
        return new self($this->day, $this->number + 1, false);
    }

    /** The first moment of its day in unix ms. */
    public function start(): int
    {
        return (int) strtotime("$this->day 00:00:00 UTC") * 1000;
    }

    /** By day, then by number; the plain one of two first, for while a file is being packed that one is whole. */
    public static function compare(self $a, self $b): int
    {
        return [$a->day, $a->number, $a->packed] <=> [$b->day, $b->number, $b->packed];
    }
}
