<?php

declare(strict_types=1);

namespace Beaconry\Wire;

/** A request's body: its stream line, then its batches. */
final class Body
{
    /** The stream line, without its line break. */
    public readonly string $line;
    private readonly string $rest;

    public function __construct(string $body)
    {
        [$this->line, $this->rest] = self::splitLine($body);
    }

    /**
     * The batches as they arrived: the batch line and its event lines. One that is spoilt does not spoil the next: that
     * begins at the next mark.
     *
     * @return \Generator<array{string, string}>
     */
    public function batches(): \Generator
    {
        $at = strspn($this->rest, "\n");
        while ($at < strlen($this->rest)) {
            $next = $this->nextMark($at);
            yield self::splitLine(substr($this->rest, $at, $next - $at));
            $at = $next + strspn($this->rest, "\n", $next);
        }
    }

    /** Where the batch after the one at $at begins. */
    private function nextMark(int $at): int
    {
        $mark = strpos($this->rest, "\n" . BatchLine::MARK, $at);
        return $mark === false ? strlen($this->rest) : $mark + 1;
    }

    /** @return array{string, string} */
    private static function splitLine(string $text): array
    {
        $end = strpos($text, "\n");
        return $end === false ? [$text, ''] : [substr($text, 0, $end), substr($text, $end + 1)];
    }
}
