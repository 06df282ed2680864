<?php

declare(strict_types=1);

namespace Beaconry;

use Beaconry\Http\Answer;
use Beaconry\Http\Cors;
use Beaconry\Http\Request;
use Beaconry\Receive\Arrival;
use Beaconry\Receive\Decoder;
use Beaconry\Store\Folder;
use Beaconry\Store\Store;
use Beaconry\Wire\BadStreamLine;

/** The way of a request: host and configuration, origin and key, body, store, answer. */
final class Collector
{
    public static function answer(Request $request, string $configFile): Answer
    {
        $headers = [];
        try {
            Host::check();
            $config = Config::read($configFile);
            self::guard($request, $config);
            if ($request->method === 'OPTIONS') {
                return Answer::preflight()->with(Cors::preflight($request->origin));
            }
            $headers = Cors::headers($request->origin);
            return self::take($request, $config)->with($headers);
        } catch (BadStreamLine $bad) {
            return Answer::refused(new Refused(Refusal::ofStreamLine($bad->reason)))->with($headers);
        } catch (Refused $refused) {
            self::report($refused);
            return Answer::refused($refused, $request->wantsPage())->with($headers);
        }
    }

    /** Refuses pages of other origins. Who sends no `Origin` is no browser: the key decides. */
    private static function guard(Request $request, Config $config): void
    {
        if ($request->path !== '') {
            throw new Refused(Refusal::Path);
        }
        if ($request->origin !== null && !$config->allows($request->origin)) {
            throw new Refused(Refusal::Origin);
        }
    }

    private static function take(Request $request, Config $config): Answer
    {
        if ($request->method !== 'POST') {
            // Whoever looks with a browser learns whether the data can be stored.
            Folder::find($config->data, $config->fileMode);
            throw new Refused(Refusal::Method);
        }
        $params = $request->params();
        $key = $params['key'] ?? '';
        $app = $config->app($key) ?? throw new Refused(Refusal::Key);
        $body = $request->body($config->maxBody);
        $stream = $params['stream'] ?? throw new Refused(Refusal::Query);
        $now = self::clock($params['now'] ?? '');
        $arrival = new Arrival($stream, $now, (int) (microtime(true) * 1000), $app, $request->agent);
        $decoded = Decoder::decode($arrival, $body);
        $isOff = $config->isDisabled($key);
        if ($isOff && !$decoded->onlyAsks()) {
            throw new Refused(Refusal::Off);
        }
        $stored = Store::commit(Folder::find($config->data, $config->fileMode), $decoded);
        return match (true) {
            // The last line of a client that switches off is recorded; it is told once more that it is off.
            $isOff => throw new Refused(Refusal::Off),
            $stored === null => Answer::stale(),
            // Sent alone, the batch that no rejection can name is the one that is refused.
            $decoded->unnamed > 0 => throw new Refused(Refusal::BatchLine),
            default => Answer::accounted($stored, $decoded->rejected),
        };
    }

    /** The client's clock: unix ms, below 2^64. Without it nothing can be corrected, but all can be stored. */
    private static function clock(string $now): ?int
    {
        $isClock = preg_match('/^\+?0*([0-9]{1,20})$/D', $now, $digits) === 1;
        if (!$isClock || (strlen($digits[1]) === 20 && strcmp($digits[1], '18446744073709551615') > 0)) {
            return null;
        }
        // Beyond 2^63 it stays there: no clock that tells anything goes so far.
        return (int) $digits[1];
    }

    /** What the operator has to know stands in the host's log. */
    private static function report(Refused $refused): void
    {
        [$status] = $refused->refusal->tell();
        if ($status >= 500) {
            $why = $refused->getPrevious();
            Log::write($refused->getMessage() . ($why === null ? '' : " ({$why->getMessage()})"));
        }
    }
}
