<?php

declare(strict_types=1);

namespace Beaconry\Receive;

use Beaconry\Refusal;
use Beaconry\Refused;
use Beaconry\Wire\BadJson;
use Beaconry\Wire\BatchLine;
use Beaconry\Wire\Body;
use Beaconry\Wire\Ranges;
use Beaconry\Wire\StreamLine;

/** Takes a body apart. A bad batch spoils no other. */
final class Decoder
{
    /**
     * Bytes of journal lines that one request may become. Every line repeats what its batch shares, so that a small body
     * could ask for thousands of times its size. A full body of 1 MiB of usual events becomes 4 MiB.
     */
    public const MAX_RENDERED_BYTES = 8 * 1024 * 1024;

    /** The numbers of the batches so far. */
    private Ranges $seen;
    private Skew $skew;
    private int $rendered = 0;

    /** @var array<int, string> by number */
    private array $lines = [];

    private function __construct(private readonly Arrival $arrival, private readonly StreamLine $line)
    {
        $this->seen = new Ranges();
        $this->skew = new Skew($arrival->now, $arrival->received, $line->closed);
    }

    public static function decode(Arrival $arrival, string $text): Decoded
    {
        $body = new Body($text);
        $line = StreamLine::read($body->line);
        if ($arrival->stream !== $line->stream->text) {
            throw new Refused(Refusal::Query);
        }
        return (new self($arrival, $line))->takeAll($body, str_ends_with($text, "\n"));
    }

    private function takeAll(Body $body, bool $isWhole): Decoded
    {
        /** @var list<array{int|null, string}> $bad */
        $bad = [];
        $lastIsBad = false;
        foreach ($body->batches() as [$head, $events]) {
            $lastIsBad = false;
            try {
                $this->take($head, $events);
            } catch (NotTaken $notTaken) {
                $bad[] = [BatchLine::firstOf($head), $notTaken->reason];
                $lastIsBad = true;
            }
        }
        $torn = $lastIsBad && !$isWhole;
        if ($torn) {
            array_pop($bad);
        }
        $rejected = array_values(array_filter($bad, static fn (array $batch): bool => $batch[0] !== null));
        $unnamed = count($bad) - count($rejected);
        return new Decoded($this->arrival, $this->line, $this->lines, $rejected, $unnamed, $torn);
    }

    /** Adds a batch, whole or not at all. */
    private function take(string $headText, string $eventsText): void
    {
        try {
            $head = BatchLine::decode($headText);
        } catch (BadJson) {
            throw new NotTaken('json');
        }
        if ($this->seen->intersects($head->first, $head->end)) {
            throw new NotTaken('overlap');
        }
        $events = array_map(Event::parse(...), self::lines($eventsText));
        if (count($events) !== $head->end - $head->first) {
            throw new NotTaken('count');
        }
        $frame = new Frame($this->arrival, $this->line, $this->skew, $head->context);
        if ($this->rendered + strlen($eventsText) + count($events) * $frame->length() > self::MAX_RENDERED_BYTES) {
            throw new Refused(Refusal::TooLarge);
        }
        foreach ($events as $nth => $event) {
            $line = $frame->render($head->first + $nth, $event);
            $this->lines[$head->first + $nth] = $line;
            $this->rendered += strlen($line);
        }
        $this->seen->insert($head->first, $head->end);
        if ($this->seen->pieces() > Ranges::MAX) {
            throw new Refused(Refusal::Shredded);
        }
    }

    /** @return list<string> the lines that are not blank */
    private static function lines(string $text): array
    {
        $isText = static fn (string $line): bool => trim($line, " \t\n\r\f") !== '';
        return array_values(array_filter(explode("\n", $text), $isText));
    }
}
