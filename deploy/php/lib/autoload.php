<?php

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    $parts = explode('\\', $class);
    // Beaconry\Store\Index lies in lib/Store/Index.php.
    if (array_shift($parts) === 'Beaconry') {
        require __DIR__ . '/' . implode('/', $parts) . '.php';
    }
});
