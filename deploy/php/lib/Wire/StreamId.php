<?php

declare(strict_types=1);

namespace Beaconry\Wire;

/** The id of a stream: 48 bits of its birth in unix ms and 80 random bits, as 22 characters of base64url. */
final class StreamId
{
    private function __construct(public readonly string $text)
    {
    }

    public static function parse(string $text): self
    {
        // 22 characters are 132 bits, of which the last four are not used: one id has one text.
        if (preg_match('/^[A-Za-z0-9_-]{21}[AQgw]$/D', $text) !== 1) {
            throw new BadJson();
        }
        return new self($text);
    }

    /** The stream's birth by its client's clock, in unix ms. */
    public function birth(): int
    {
        $bytes = base64_decode(strtr(substr($this->text, 0, 8), '-_', '+/'), true);
        return (int) hexdec(bin2hex((string) $bytes));
    }
}
