<?php

/*
 * Beaconry's collector for hosts that run nothing but PHP: clients post their events here. README.md says how to set it up.
 *
 * This file is written so that any PHP can read it: an old one has to say that it is too old, not show a syntax error.
 */

// What PHP itself has to say belongs into the host's log, never into an answer: the buffer is dropped before one is sent.
ob_start();
if (function_exists('ini_set')) {
    ini_set('display_errors', '0');
}
if (function_exists('ignore_user_abort')) {
    // A client that goes away cancels nothing.
    ignore_user_abort(true);
}

if (PHP_VERSION_ID < 80100) {
    header('HTTP/1.1 503 Service Unavailable');
    header('Content-Type: text/plain; charset=utf-8');
    exit('Beaconry needs PHP 8.1 or later, and this is PHP ' . PHP_VERSION
        . ': choose a newer one in the control panel of your host.');
}

require __DIR__ . '/lib/autoload.php';

Beaconry\Http\Front::run(__DIR__ . '/config.php');
