<?php

declare(strict_types=1);

namespace Beaconry\Http;

use Beaconry\Collector;
use Beaconry\Log;
use Beaconry\Refusal;
use Beaconry\Refused;

/** Answers the request at hand, whatever happens: every failure is a 503, for which a client keeps what it has. */
final class Front
{
    private const FATAL = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR;

    public static function run(string $configFile): void
    {
        Warnings::throw();
        register_shutdown_function(self::lastWords(...));
        try {
            $answer = Collector::answer(Request::fromServer(), $configFile);
        } catch (\Throwable $error) {
            Log::write("{$error->getMessage()} in {$error->getFile()}, line {$error->getLine()}");
            $answer = Answer::refused(new Refused(Refusal::Disk));
        }
        $answer->send();
    }

    /** What no catch hears of: memory or time ran out. PHP logs it. */
    private static function lastWords(): void
    {
        if (((error_get_last()['type'] ?? 0) & self::FATAL) !== 0 && !headers_sent()) {
            // PHP has set a whole status line, which a code alone does not replace.
            header('HTTP/1.1 503 Service Unavailable');
            Answer::refused(new Refused(Refusal::Disk))->send();
        }
    }
}
