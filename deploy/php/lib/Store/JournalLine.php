<?php

declare(strict_types=1);

namespace Beaconry\Store;

use Beaconry\Wire\BadJson;
use Beaconry\Wire\BadStreamLine;
use Beaconry\Wire\Scanner;
use Beaconry\Wire\StreamId;
use Beaconry\Wire\StreamLine;

/** What the index needs of a line of the journal. */
final class JournalLine
{
    private function __construct(
        public readonly StreamId $stream,
        public readonly int $received,
        /** The event's number; of a delivery, which one it is. */
        public readonly int $number,
        /** What a line of type `delivery` tells; null for an event. */
        public readonly ?StreamLine $told,
    ) {
    }

    /** Null: no line that this program writes. */
    public static function parse(string $line): ?self
    {
        try {
            $members = self::members($line);
            if (preg_match('/^"([^".]+)\.(~?)(\d{1,10})"$/D', $members['id'] ?? '', $id) !== 1) {
                return null;
            }
            $told = $id[2] === '~' ? StreamLine::decode($members['data'] ?? '') : null;
            return new self(StreamId::parse($id[1]), (int) ($members['received'] ?? 0), (int) $id[3], $told);
        } catch (BadJson | BadStreamLine) {
            return null;
        }
    }

    /** @return array<string, string> */
    private static function members(string $line): array
    {
        $scanner = new Scanner($line, PHP_INT_MAX);
        $members = [];
        $scanner->enter('{');
        while (($name = $scanner->member()) !== null) {
            $members[$name] = $scanner->value();
        }
        return $scanner->atEnd() ? $members : throw new BadJson();
    }
}
