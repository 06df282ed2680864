<?php

declare(strict_types=1);

namespace Beaconry;

/** What config.php says, checked. */
final class Config
{
    /** The client's own requests stay within 512 KiB, but for a single larger event. */
    private const MAX_BODY_BYTES = 1024 * 1024;

    /** Whoever owns them; and a group that the host may share with FTP. */
    private const FILE_MODE = 0o640;

    /**
     * @param array<string, string> $keys key => app
     * @param list<string> $origins
     * @param list<string> $disabled keys that are switched off
     * @param list<string> $data folders for the journal; the first that is there, or can be made, is taken
     */
    private function __construct(
        private readonly array $keys,
        private readonly array $origins,
        private readonly array $disabled,
        public readonly array $data,
        public readonly int $maxBody,
        public readonly int $fileMode,
        public readonly int $keepDays,
    ) {
    }

    /** Reads the file. Every mistake in it is a refusal that names it. */
    public static function read(string $file): self
    {
        if (!is_file($file)) {
            throw self::mistake('config.php is missing: copy config.example.php to config.php and put your keys into it');
        }
        // A PHP that keeps compiled files would else see a change some seconds late.
        if (function_exists('opcache_invalidate') && ini_get('opcache.validate_timestamps')) {
            @opcache_invalidate($file);
        }
        try {
            $said = (static fn (): mixed => require $file)();
        } catch (\Throwable $error) {
            throw self::mistake("config.php, line {$error->getLine()}: {$error->getMessage()}");
        }
        return self::check(is_array($said) ? $said : throw self::mistake('config.php returns no array'));
    }

    /** The app that a key stands for. In time that tells nothing of the keys but their lengths. */
    public function app(string $key): ?string
    {
        $found = null;
        foreach ($this->keys as $known => $app) {
            $found = hash_equals((string) $known, $key) ? $app : $found;
        }
        return $found;
    }

    public function allows(string $origin): bool
    {
        return in_array($origin, $this->origins, true);
    }

    public function isDisabled(string $key): bool
    {
        return in_array($key, $this->disabled, true);
    }

    /** @param array<mixed> $said */
    private static function check(array $said): self
    {
        $known = ['keys', 'origins', 'phases', 'data', 'max_body', 'file_mode', 'keep_days'];
        foreach (array_diff(array_keys($said), $known) as $name) {
            throw self::mistake("config.php: there is no `$name`; known are " . implode(', ', $known));
        }
        $keys = self::texts($said, 'keys');
        $phases = self::texts($said, 'phases', []);
        if ($keys === [] || array_filter(array_keys($keys), 'is_int') !== []) {
            throw self::mistake("config.php: `keys` has to name each key's app, such as ['a-public-key' => 'shop']");
        }
        return new self(
            $keys,
            array_map(self::origin(...), array_values(self::texts($said, 'origins'))),
            array_values(array_filter(array_keys($phases), static fn ($key) => self::isOff($phases[$key]))),
            array_map(self::folder(...), array_values(self::texts($said, 'data'))),
            self::number($said, 'max_body', self::MAX_BODY_BYTES),
            self::number($said, 'file_mode', self::FILE_MODE),
            self::number($said, 'keep_days', 0),
        );
    }

    /**
     * @param array<mixed> $said
     * @param array<string>|null $default
     * @return array<string>
     */
    private static function texts(array $said, string $name, ?array $default = null): array
    {
        $texts = $said[$name] ?? $default ?? throw self::mistake("config.php: `$name` is missing");
        $isText = static fn (mixed $text): bool => is_string($text) && trim($text) !== '' && json_encode($text);
        if (!is_array($texts) || array_filter($texts, $isText) !== $texts) {
            throw self::mistake("config.php: `$name` has to be a list of texts, none of them empty");
        }
        return $texts;
    }

    /** @param array<mixed> $said */
    private static function number(array $said, string $name, int $default): int
    {
        $number = $said[$name] ?? $default;
        return is_int($number) && $number >= 0
            ? $number
            : throw self::mistake("config.php: `$name` has to be a number, such as $default");
    }

    /** An origin is scheme and authority; browsers send it without a slash at the end. */
    private static function origin(string $text): string
    {
        if (preg_match('~^https?://[^/?#*]+/*$~D', $text) !== 1) {
            throw self::mistake("config.php: `$text` is no origin: a scheme and a host, such as https://shop.example.com");
        }
        return strtolower(rtrim($text, '/'));
    }

    /** From the root on, for a web server and cron work in different folders. */
    private static function folder(string $path): string
    {
        return preg_match('~^(/|[A-Za-z]:[/\\\\])~', $path) === 1
            ? $path
            : throw self::mistake("config.php: `data` has to name whole paths; write __DIR__ . '/$path'");
    }

    private static function isOff(string $phase): bool
    {
        return match ($phase) {
            'DISABLED' => true,
            'ENABLED' => false,
            default => throw self::mistake("config.php: a phase is ENABLED or DISABLED, not `$phase`"),
        };
    }

    private static function mistake(string $message): Refused
    {
        return new Refused(Refusal::Setup, $message);
    }
}
