<?php

declare(strict_types=1);

namespace Beaconry\Wire;

/**
 * A JSON scanner (RFC 8259) that finds its way through a text: what passes through is spliced, never rebuilt.
 *
 * json_decode cannot stand in for it: it refuses lone surrogates, which browsers send, and says not where a value stands.
 */
final class Scanner
{
    /** Depth of nesting that lines of the protocol may have; what an event holds may be deeper. */
    public const MAX_DEPTH = 64;

    private const STRING = '"((?:[^"\\\\\x00-\x1f]++|\\\\(?:["\\\\\/bfnrt]|u[0-9A-Fa-f]{4}))*+)"';
    private const NUMBER = '-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?';

    private int $at = 0;
    private int $depth = 0;

    /** Nothing of the innermost array or object was read yet: no comma stands in front of what follows. */
    private bool $fresh = false;

    public function __construct(private readonly string $json, private readonly int $maxDepth = self::MAX_DEPTH)
    {
    }

    /** Whether a text is one JSON value, however deep. */
    public static function isJson(string $text): bool
    {
        $scanner = new self($text, PHP_INT_MAX);
        try {
            $scanner->value();
            return $scanner->atEnd();
        } catch (BadJson) {
            return false;
        }
    }

    /** Whether only white space is left. */
    public function atEnd(): bool
    {
        return $this->peek() === '';
    }

    /** The next byte that is no white space; empty at the end. */
    public function peek(): string
    {
        $this->at += strspn($this->json, " \t\n\r", $this->at);
        return $this->json[$this->at] ?? '';
    }

    /** Enters an array, before item(), or an object, before member(). */
    public function enter(string $open): void
    {
        $this->take($open);
        $this->depth++;
        $this->fresh = true;
        if ($this->depth > $this->maxDepth) {
            throw new BadJson();
        }
    }

    /** Goes to the next element of an array; false once it has left it. */
    public function item(): bool
    {
        return $this->nextOrEnd(']');
    }

    /**
     * Goes to the next value of an object and returns its raw name: escapes are not undone. Null once it has left the
     * object.
     */
    public function member(): ?string
    {
        if (!$this->nextOrEnd('}')) {
            return null;
        }
        $name = $this->string();
        $this->take(':');
        return $name;
    }

    /** Skips any value and returns its text. Without recursion: PHP's stack is no limit that could be caught. */
    public function value(): string
    {
        $this->peek();
        $start = $this->at;
        $open = [];
        do {
            $first = $this->peek();
            if ($first === '{' || $first === '[') {
                $this->enter($first);
                $open[] = $first;
            } else {
                $this->scalar();
            }
            while ($open !== [] && !$this->next(end($open))) {
                array_pop($open);
            }
        } while ($open !== []);
        return substr($this->json, $start, $this->at - $start);
    }

    /** A string; returns what stands between the quotes, escapes and all. */
    public function string(): string
    {
        $this->peek();
        return $this->match('/' . self::STRING . '/A')[1];
    }

    /** An event's number, or a count of them: digits alone, below 2^32. */
    public function number(): int
    {
        $this->peek();
        $digits = $this->match('/(?:0|[1-9][0-9]{0,9}+)(?![0-9])/A')[0];
        if ((int) $digits > 0xffffffff) {
            throw new BadJson();
        }
        return (int) $digits;
    }

    public function boolean(): bool
    {
        $this->peek();
        return $this->match('/true|false/A')[0] === 'true';
    }

    private function scalar(): void
    {
        $this->match('/' . self::STRING . '|' . self::NUMBER . '|true|false|null/A');
    }

    private function next(string $open): bool
    {
        return $open === '{' ? $this->member() !== null : $this->item();
    }

    private function nextOrEnd(string $close): bool
    {
        $fresh = $this->fresh;
        $this->fresh = false;
        if ($this->peek() === $close) {
            $this->at++;
            $this->depth--;
            return false;
        }
        if (!$fresh) {
            $this->take(',');
        }
        return true;
    }

    private function take(string $byte): void
    {
        if ($this->peek() !== $byte) {
            throw new BadJson();
        }
        $this->at++;
    }

    /** @return array<int, string> */
    private function match(string $pattern): array
    {
        if (preg_match($pattern, $this->json, $found, 0, $this->at) !== 1) {
            throw new BadJson();
        }
        $this->at += strlen($found[0]);
        return $found;
    }
}
