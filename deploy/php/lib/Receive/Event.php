<?php

declare(strict_types=1);

namespace Beaconry\Receive;

use Beaconry\Wire\BadJson;
use Beaconry\Wire\Scanner;
use Beaconry\Wire\Utf8;

/** An event line that is whole: `data` is an object, byte for byte as it came. */
final class Event
{
    /** Longest line taken, twice what the client sends (32 KiB), so that one with another limit is still heard. */
    private const MAX_BYTES = 64 * 1024;

    private const TYPES = ['log', 'error', 'metric', 'event', 'vital'];

    private function __construct(
        public readonly string $type,
        public readonly int $ts,
        public readonly string $data,
    ) {
    }

    /** Checks a line as it came, without its line break. */
    public static function parse(string $line): self
    {
        if (strlen($line) > self::MAX_BYTES) {
            throw new NotTaken('too_large');
        }
        if (!Utf8::isValid($line)) {
            throw new NotTaken('utf8');
        }
        try {
            $members = self::members($line);
            $type = self::text($members['type'] ?? '');
            $ts = self::integer($members['ts'] ?? '');
        } catch (BadJson) {
            throw new NotTaken('json');
        }
        $data = $members['data'] ?? '';
        if (!str_starts_with($data, '{')) {
            throw new NotTaken('json');
        }
        return new self(in_array($type, self::TYPES, true) ? $type : throw new NotTaken('type'), $ts, $data);
    }

    /** @return array<string, string> the tokens of `type`, `ts` and `data` */
    private static function members(string $line): array
    {
        $scanner = new Scanner($line, PHP_INT_MAX);
        $members = [];
        $scanner->enter('{');
        while (($name = $scanner->member()) !== null) {
            $name = self::text("\"$name\"");
            $isOurs = in_array($name, ['type', 'ts', 'data'], true);
            if ($isOurs && isset($members[$name])) {
                throw new BadJson();
            }
            $value = $scanner->value();
            if ($isOurs) {
                $members[$name] = $value;
            }
        }
        return $scanner->atEnd() ? $members : throw new BadJson();
    }

    /** What a string token says. */
    private static function text(string $token): string
    {
        if (!str_contains($token, '\\') && str_starts_with($token, '"')) {
            return substr($token, 1, -1);
        }
        $text = json_decode($token);
        return is_string($text) ? $text : throw new BadJson();
    }

    private static function integer(string $token): int
    {
        return (string) (int) $token === $token ? (int) $token : throw new BadJson();
    }
}
