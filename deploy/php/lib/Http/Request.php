<?php

declare(strict_types=1);

namespace Beaconry\Http;

use Beaconry\Refusal;
use Beaconry\Refused;

/** A request as the web server hands it over. */
final class Request
{
    /** Bytes of a User-Agent that are kept: each line of the journal repeats it. Browsers send 200. */
    private const MAX_AGENT_BYTES = 1_024;

    /** Bytes of the body that are read at once. */
    private const CHUNK = 64 * 1024;

    private function __construct(
        public readonly string $method,
        /** What the URL has behind the script's name. */
        public readonly string $path,
        public readonly ?string $origin,
        public readonly string $agent,
        private readonly string $accept,
        private readonly string $query,
        private readonly ?int $length,
    ) {
    }

    public static function fromServer(): self
    {
        $text = static fn (string $name): ?string => isset($_SERVER[$name]) ? (string) $_SERVER[$name] : null;
        $length = $text('CONTENT_LENGTH') ?? '';
        return new self(
            method: $text('REQUEST_METHOD') ?? '',
            path: $text('PATH_INFO') ?? '',
            origin: $text('HTTP_ORIGIN'),
            agent: self::visible($text('HTTP_USER_AGENT') ?? ''),
            accept: $text('HTTP_ACCEPT') ?? '',
            query: $text('QUERY_STRING') ?? '',
            length: preg_match('/^[0-9]+$/D', $length) === 1 ? (int) $length : null,
        );
    }

    /** Whether a person asks, with a browser. */
    public function wantsPage(): bool
    {
        return $this->method === 'GET' && str_contains($this->accept, 'text/html');
    }

    /**
     * The URL's parameters. Read from the text, for $_GET keeps the last of two by one name and changes some names.
     *
     * @return array<string, string>
     */
    public function params(): array
    {
        $params = [];
        foreach (array_filter(explode('&', $this->query), 'strlen') as $pair) {
            [$name, $value] = array_map('urldecode', explode('=', $pair, 2)) + [1 => ''];
            if (isset($params[$name]) && in_array($name, ['key', 'stream', 'now'], true)) {
                throw new Refused(Refusal::Query);
            }
            $params[$name] = $value;
        }
        return $params;
    }

    /** The body, if it is not over $max bytes. */
    public function body(int $max): string
    {
        if ($this->length > $max) {
            throw new Refused(Refusal::TooLarge);
        }
        $input = fopen('php://input', 'rb');
        $body = '';
        while (($chunk = (string) fread($input, self::CHUNK)) !== '') {
            $body .= $chunk;
            if (strlen($body) > $max) {
                throw new Refused(Refusal::TooLarge);
            }
        }
        if ($this->length !== null && strlen($body) < $this->length) {
            throw new Refused(Refusal::Torn);
        }
        return $body;
    }

    /** Headers are ASCII; what else comes is no browser's. */
    private static function visible(string $agent): string
    {
        $isVisible = preg_match('/^[\t\x20-\x7e]*$/D', $agent) === 1;
        return $isVisible ? substr($agent, 0, self::MAX_AGENT_BYTES) : '';
    }
}
