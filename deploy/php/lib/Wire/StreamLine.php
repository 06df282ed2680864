<?php

declare(strict_types=1);

namespace Beaconry\Wire;

/** What a sender knows of a stream: it travels first in every request. */
final class StreamLine
{
    /** The version of the wire format. */
    private const VERSION = 1;

    /** Bytes of a line: no client's is nearly as long. */
    public const MAX_BYTES = 256 * 1024;

    /** Members that say who sends, in the order in which they are written. Each is a JSON string, quotes and all. */
    private const IDENTITY = ['sdk', 'release', 'env', 'session'];

    /** @var array<string, string> */
    private array $identity = [];

    /** The next number: how many events there were. */
    public int $tracked = 0;
    public bool $closed = false;
    private Dropped $dropped;
    private Ranges $holds;

    /** A line of a stream of which nothing is known. */
    public function __construct(public readonly StreamId $stream)
    {
        $this->dropped = new Dropped();
        $this->holds = new Ranges();
    }

    /** Reads the first line of a body. */
    public static function read(string $line): self
    {
        if (!Utf8::isValid($line)) {
            throw new BadStreamLine('utf8');
        }
        if (!Scanner::isJson($line)) {
            throw new BadStreamLine('json');
        }
        if (strlen($line) > self::MAX_BYTES) {
            throw new BadStreamLine('too_large');
        }
        try {
            return self::decode($line);
        } catch (BadJson) {
            throw new BadStreamLine('json');
        }
    }

    /** Reads a line. Members that are unknown are passed over; `dropped`, `holds` and `closed` may be absent. */
    public static function decode(string $text): self
    {
        $scanner = new Scanner($text);
        $members = [];
        $scanner->enter('{');
        while (($name = $scanner->member()) !== null) {
            $members[$name] = self::scanMember($scanner, $name);
        }
        if (isset($members['v']) && $members['v'] !== self::VERSION) {
            throw new BadStreamLine('version');
        }
        if (!isset($members['stream'], $members['v'], $members['tracked']) || !$scanner->atEnd()) {
            throw new BadJson();
        }
        $line = new self($members['stream']);
        $line->identity = array_intersect_key($members, array_flip(self::IDENTITY));
        $line->tracked = $members['tracked'];
        $line->dropped = $members['dropped'] ?? $line->dropped;
        $line->holds = $members['holds'] ?? $line->holds;
        $line->closed = $members['closed'] ?? false;
        return $line;
    }

    /** The token of `release`, `env` or `session`, where the sender named one. */
    public function token(string $name): ?string
    {
        return $this->identity[$name] ?? null;
    }

    /** As JSON, without a line break. */
    public function encode(): string
    {
        $identity = '';
        foreach (self::IDENTITY as $name) {
            $identity .= isset($this->identity[$name]) ? ",\"$name\":{$this->identity[$name]}" : '';
        }
        return "{\"stream\":\"{$this->stream->text}\",\"v\":" . self::VERSION . $identity
            . ",\"tracked\":$this->tracked,\"dropped\":{$this->dropped->encode()}"
            . ",\"holds\":{$this->holds->encode()},\"closed\":" . ($this->closed ? 'true}' : 'false}');
    }

    /**
     * Takes in what another line of the same stream says, in whatever order the two arrived: the greatest `tracked`, the
     * union of `dropped`, the last `holds` (but a line without `closed` never replaces one with it), and `closed` never
     * turns back. Returns whether `dropped` or `closed` changed, which is what a journal records.
     */
    public function merge(self $other): bool
    {
        $before = [$this->dropped->count(), $this->closed];
        // What was dropped was numbered.
        $this->tracked = max($this->tracked, $other->tracked, $other->dropped->end());
        $this->dropped->extend($other->dropped);
        if ($other->closed || !$this->closed) {
            $this->holds = $other->holds;
            $this->identity = $other->identity;
        }
        $this->closed = $this->closed || $other->closed;
        return $before !== [$this->dropped->count(), $this->closed];
    }

    /** Whether its sets are more than the wire format carries: neither an answer nor a journal line could tell them. */
    public function isShredded(): bool
    {
        return $this->dropped->mostPieces() > Ranges::MAX || strlen($this->encode()) >= self::MAX_BYTES;
    }

    private static function scanMember(Scanner $scanner, string $name): mixed
    {
        return match ($name) {
            'stream' => StreamId::parse($scanner->string()),
            'v', 'tracked' => $scanner->number(),
            'dropped' => Dropped::scan($scanner),
            'holds' => Ranges::scan($scanner),
            'closed' => $scanner->boolean(),
            default => self::scanOther($scanner, $name),
        };
    }

    private static function scanOther(Scanner $scanner, string $name): string
    {
        if (in_array($name, self::IDENTITY, true) && $scanner->peek() !== '"') {
            throw new BadJson();
        }
        return $scanner->value();
    }
}
