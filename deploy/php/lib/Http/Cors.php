<?php

declare(strict_types=1);

namespace Beaconry\Http;

/**
 * What browsers need to hear to let a page send. Beacons always carry credentials, so the origin is echoed and credentials
 * are allowed; cookies are never read.
 */
final class Cors
{
    /** A day; browsers cap it (Chromium at 2 h). Requests of the client are simple ones and ask nothing ahead. */
    private const PREFLIGHT_MAX_AGE = '86400';

    /** @return array<string, string> headers of any answer; $origin is an allowed one, or none was sent */
    public static function headers(?string $origin): array
    {
        return self::shared($origin) + ['Access-Control-Expose-Headers' => 'retry-after,date'];
    }

    /** @return array<string, string> headers of the answer to OPTIONS */
    public static function preflight(?string $origin): array
    {
        return self::shared($origin) + [
            'Access-Control-Allow-Methods' => 'POST',
            'Access-Control-Allow-Headers' => 'content-type',
            'Access-Control-Max-Age' => self::PREFLIGHT_MAX_AGE,
            'Allow' => 'POST',
        ];
    }

    /** @return array<string, string> */
    private static function shared(?string $origin): array
    {
        $headers = ['Vary' => 'origin', 'Access-Control-Allow-Credentials' => 'true'];
        return $origin === null ? $headers : $headers + ['Access-Control-Allow-Origin' => $origin];
    }
}
