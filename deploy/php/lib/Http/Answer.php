<?php

declare(strict_types=1);

namespace Beaconry\Http;

use Beaconry\Refusal;
use Beaconry\Refused;
use Beaconry\Wire\Ranges;

/** Status, headers and body, until they are sent. */
final class Answer
{
    /** @param array<string, string> $headers */
    private function __construct(
        private readonly int $status,
        private readonly string $body,
        private readonly array $headers,
    ) {
    }

    /**
     * The batches that are stored, and those that are not.
     *
     * @param list<array{int, string}> $rejected
     */
    public static function accounted(Ranges $stored, array $rejected): self
    {
        $batches = array_map(
            static fn (array $batch): string => "{\"batch\":$batch[0],\"reason\":\"$batch[1]\"}",
            $rejected,
        );
        return self::json(200, "{\"stored\":{$stored->encode()},\"rejected\":[" . implode(',', $batches) . ']}');
    }

    /** To a stream that is too old to be known. */
    public static function stale(): self
    {
        return self::json(200, '{"stale":true}');
    }

    /** JSON for a client, a page for a person. */
    public static function refused(Refused $refused, bool $asPage = false): self
    {
        [$status, $reason] = $refused->refusal->tell();
        $retryAfter = $refused->refusal->retryAfter();
        $headers = $retryAfter === null ? [] : ['Retry-After' => (string) $retryAfter];
        $headers += $refused->refusal === Refusal::Method ? ['Allow' => 'POST'] : [];
        if ($asPage) {
            return (new self($status, Page::of($refused), ['Content-Type' => 'text/html; charset=utf-8']))->with($headers);
        }
        $body = ['error' => $reason, 'message' => $refused->getMessage()];
        $body += $refused->refusal === Refusal::Off ? ['phase' => 'DISABLED'] : [];
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE;
        return self::json($status, (string) json_encode($body, $flags))->with($headers);
    }

    /** To OPTIONS: its headers say all. */
    public static function preflight(): self
    {
        return new self(200, '', []);
    }

    /** @param array<string, string> $headers */
    public function with(array $headers): self
    {
        return new self($this->status, $this->body, $headers + $this->headers);
    }

    /** Sends it, and drops whatever PHP has put into the buffers until now. */
    public function send(): void
    {
        while (ob_get_level() > 0 && @ob_end_clean()) {
            // One buffer a turn.
        }
        http_response_code($this->status);
        foreach ($this->headers + ['Content-Length' => (string) strlen($this->body)] as $name => $value) {
            header("$name: $value");
        }
        echo $this->body;
    }

    private static function json(int $status, string $body): self
    {
        return new self($status, $body, ['Content-Type' => 'application/json', 'Cache-Control' => 'no-store']);
    }
}
