<?php

/*
 * Copy this file to config.php and change what stands here. A change counts from the next request on.
 */

return [
    // The key that the client names in its options, and the app that it stands for. A key is public: it hides nothing.
    // Name two keys while an old one is being replaced.
    'keys' => [
        'a-public-key' => 'shop',
    ],

    // The pages that may send, by scheme and host (and port), without a path.
    'origins' => [
        'https://shop.example.com',
    ],

    // Switches the clients of a key off: 'a-public-key' => 'DISABLED'. They stay off for a day; ENABLED is the rule.
    'phases' => [
    ],

    // Where the events go: the first of these folders that is there, else the first that can be made. The first one lies
    // beside the folder that the web server shows (public_html, htdocs …) if this folder lies directly in that one. Elsewhere
    // the files protect themselves, see README.md.
    'data' => [
        dirname(__DIR__, 2) . '/beaconry-data',
        __DIR__ . '/data',
    ],

    // The largest request taken, in bytes. Web servers have a limit too: nginx has 1 MiB, unless it is told another.
    'max_body' => 1024 * 1024,

    // Who may read the files. 0644 where you download them as another user than the one that runs PHP.
    'file_mode' => 0640,

    // rotate-logs.php deletes events that are older than so many days. 0 keeps them until you delete them.
    'keep_days' => 90,
];
