<?php

declare(strict_types=1);

namespace Beaconry;

/** Why a request is refused. Statuses are chosen here alone. */
enum Refusal
{
    /** The key is missing or unknown. */
    case Key;
    /** The page's origin is not among those that may send. */
    case Origin;
    /** The parameters of the URL cannot be read, or name another stream than the body. */
    case Query;
    /** The key is switched off. */
    case Off;
    /** The first line is no UTF-8. */
    case StreamLineUtf8;
    /** The first line is no JSON of a stream line's shape. */
    case StreamLineJson;
    /** The first line is one of another version. */
    case StreamLineVersion;
    /** The first line is longer than any client's. */
    case StreamLineTooLarge;
    /** A line that should begin a batch has no number to reject it by. The other batches are stored. */
    case BatchLine;
    /** The stream is in more pieces than a client makes. */
    case Shredded;
    /** The body, or what it would become, is over the limit. */
    case TooLarge;
    /** The body ended early. */
    case Torn;
    /** Another request holds the data for too long, or reads a lost index anew. */
    case Busy;
    /** The disk is full. */
    case Full;
    /** A write or a sync failed. */
    case Disk;
    /** The host lacks something, or config.php has a mistake. */
    case Setup;
    /** Nothing is here. */
    case Path;
    /** Something is here, but not for this method. */
    case Method;

    public static function ofStreamLine(string $reason): self
    {
        return match ($reason) {
            'utf8' => self::StreamLineUtf8,
            'version' => self::StreamLineVersion,
            'too_large' => self::StreamLineTooLarge,
            default => self::StreamLineJson,
        };
    }

    /** @return array{int, string, string} status, the reason for machines, and what a person should know */
    public function tell(): array
    {
        $noStreamLine = 'the first line is no stream line of version 1';
        return match ($this) {
            self::Query => [400, 'query', 'the URL needs key, stream and now; stream as in the body'],
            self::StreamLineUtf8 => [400, 'utf8', $noStreamLine],
            self::StreamLineJson => [400, 'json', $noStreamLine],
            self::StreamLineVersion => [400, 'version', $noStreamLine],
            self::StreamLineTooLarge => [400, 'too_large', $noStreamLine],
            self::BatchLine => [400, 'batch', 'a batch line cannot be read; the other batches are stored'],
            self::Shredded => [400, 'ranges', 'the stream\'s numbers are in too many pieces'],
            self::Key => [401, 'key', 'no such key: compare the client\'s `key` with `keys` in config.php'],
            self::Origin => [403, 'origin', 'pages of this origin may not send: see `origins` in config.php'],
            self::Path => [404, 'path', 'events go to POST ingest.php'],
            self::Method => [405, 'method', 'events go to POST ingest.php'],
            self::Torn => [408, 'torn', 'the body ended early'],
            self::Off => [410, 'off', 'this key is switched off'],
            self::TooLarge => [413, 'too_large', 'the body, or its lines in the journal, are over the limit'],
            self::Busy => [503, 'busy', 'too much is in flight, come again'],
            self::Full => [503, 'full', 'the collector\'s disk is full'],
            self::Disk => [503, 'disk', 'the write failed, come again'],
            self::Setup => [503, 'setup', 'the collector is not set up'],
        };
    }

    /** Seconds after which a client should come again, where it is up to us. */
    public function retryAfter(): ?int
    {
        return match ($this) {
            self::Busy, self::Disk => 2,
            self::Full, self::Setup => 30,
            default => null,
        };
    }
}
