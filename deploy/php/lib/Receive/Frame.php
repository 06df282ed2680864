<?php

declare(strict_types=1);

namespace Beaconry\Receive;

use Beaconry\Wire\StreamLine;

/** What the journal lines of one batch share, rendered once: bytes are checked, then spliced. */
final class Frame
{
    /** Bytes that a line has besides what is shared and its event, at most. */
    private const OWN_BYTES = 128;

    /** From `"received"` to `"ua"`. */
    private readonly string $shared;

    /** @param array<string, string> $context raw JSON of `page`, `user` and `context` */
    public function __construct(
        private readonly Arrival $arrival,
        private readonly StreamLine $line,
        private readonly Skew $skew,
        array $context = [],
    ) {
        $members = ['received' => (string) $arrival->received, 'app' => self::quote($arrival->app)];
        foreach (['release', 'env', 'session'] as $name) {
            $members[$name] = $line->token($name);
        }
        foreach (['page', 'user', 'context'] as $name) {
            $members[$name] = $context[$name] ?? null;
        }
        // Which browser that is, whoever reads the journal finds out: `beaconry import` does.
        $members['ua'] = $arrival->agent === '' ? null : self::quote($arrival->agent);
        $shared = '';
        foreach ($members as $name => $token) {
            $shared .= $token === null ? '' : ",\"$name\":$token";
        }
        $this->shared = $shared;
    }

    /** Bytes that each line has besides its event, at most. */
    public function length(): int
    {
        return strlen($this->shared) + self::OWN_BYTES;
    }

    /** The line of event $number. */
    public function render(int $number, Event $event): string
    {
        $ts = $this->skew->correct($event->ts);
        $own = $ts === $event->ts ? '' : ",\"client_ts\":$event->ts";
        return "{\"id\":\"{$this->line->stream->text}.$number\",\"ts\":$ts$own$this->shared"
            . ",\"type\":\"$event->type\",\"data\":$event->data}\n";
    }

    /** A line of type `delivery`: what the stream's books say; of this stream the $count-th. */
    public function renderDelivery(int $count, StreamLine $merged): string
    {
        return "{\"id\":\"{$this->line->stream->text}.~$count\",\"ts\":{$this->arrival->received}$this->shared"
            . ",\"type\":\"delivery\",\"data\":{$merged->encode()}}\n";
    }

    private static function quote(string $text): string
    {
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS;
        return json_encode($text, $flags | JSON_THROW_ON_ERROR);
    }
}
