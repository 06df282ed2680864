<?php

/*
 * Packs the journal files of days that are over, and deletes those that are older than `keep_days` of config.php. For the
 * command line, as the user that runs PHP for the web; once a night is enough. For crontab, with the path of your host:
 *
 *     17 3 * * * php /home/you/public_html/telemetry/rotate-logs.php
 */

declare(strict_types=1);

if (PHP_SAPI !== 'cli') {
    http_response_code(404);
    exit;
}

require __DIR__ . '/lib/autoload.php';

exit(Beaconry\Rotation::main(__DIR__ . '/config.php'));
