<?php

declare(strict_types=1);

namespace Beaconry\Wire;

/** The head of a batch: a range of numbers, and what its events share. */
final class BatchLine
{
    /** With what every batch line begins, and no event line does. */
    public const MARK = '{"batch":';

    /** What the members of the context have to begin with. */
    private const CONTEXT = ['page' => '"', 'user' => '"', 'context' => '{'];

    /** @param array<string, string> $context raw JSON of `page`, `user` and `context`, where they were sent */
    private function __construct(
        public readonly int $first,
        public readonly int $end,
        public readonly array $context,
    ) {
    }

    public static function decode(string $line): self
    {
        $members = [];
        $scanner = new Scanner($line);
        $scanner->enter('{');
        while (($name = $scanner->member()) !== null) {
            $members[$name] = self::scanMember($scanner, $name);
        }
        $context = array_intersect_key($members, self::CONTEXT);
        $areText = Utf8::isValid(implode('', $context));
        if (!isset($members['batch'], $members['n']) || !$areText || !$scanner->atEnd()) {
            throw new BadJson();
        }
        $end = $members['batch'] + $members['n'];
        if ($members['n'] === 0 || $end > 0xffffffff) {
            throw new BadJson();
        }
        return new self($members['batch'], $end, $context);
    }

    /** The number that a line begins with, though the rest of it may be spoilt: what a rejection names. */
    public static function firstOf(string $line): ?int
    {
        if (!str_starts_with($line, self::MARK)) {
            return null;
        }
        try {
            return (new Scanner(substr($line, strlen(self::MARK))))->number();
        } catch (BadJson) {
            return null;
        }
    }

    private static function scanMember(Scanner $scanner, string $name): int|string
    {
        if ($name === 'batch' || $name === 'n') {
            return $scanner->number();
        }
        if (isset(self::CONTEXT[$name]) && $scanner->peek() !== self::CONTEXT[$name]) {
            throw new BadJson();
        }
        return $scanner->value();
    }
}
