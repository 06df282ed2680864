<?php

declare(strict_types=1);

namespace Beaconry\Store;

/** Packs a journal file: gzip (RFC 1952) of its lines, with a guard that every unpacker passes over. */
final class Pack
{
    /** Ten bytes: magic, method, flags, time (none), extra flags, system. */
    private const HEADER_BYTES = 10;

    /** Where the flags stand, and the one that says that a comment follows the header. */
    private const FLAGS_AT = 3;
    private const HAS_COMMENT = "\x10";

    /** The comment: asked for as a page, the file is a program that ends here. */
    private const GUARD = "<?php __halt_compiler();\0";

    public function __construct(private readonly Folder $folder)
    {
    }

    /** Writes the packed file and reads it again, before anybody takes it for whole; gives its length. */
    public function pack(JournalFile $file): int
    {
        $plain = $this->folder->open($file->name());
        $name = $file->packed()->name();
        $new = $this->folder->openNew($name);
        $hash = hash_init('sha256');
        $length = 0;
        foreach ($this->packed($plain, $hash) as $bytes) {
            $new->write($length, $bytes);
            $length += strlen($bytes);
        }
        $new->sync();
        if (hash_final($hash) !== hash_file('sha256', "compress.zlib://{$this->folder->path}/$name.new")) {
            throw new DiskError("$name.new is not what was packed; nothing was deleted");
        }
        $this->folder->rename("$name.new", $name);
        return $length;
    }

    /** @return \Generator<string> */
    private function packed(File $plain, \HashContext $hash): \Generator
    {
        $deflate = deflate_init(ZLIB_ENCODING_GZIP) ?: throw new DiskError('zlib cannot pack');
        $header = (string) deflate_add($deflate, '', ZLIB_SYNC_FLUSH);
        $header[self::FLAGS_AT] = self::HAS_COMMENT;
        yield substr($header, 0, self::HEADER_BYTES) . self::GUARD . substr($header, self::HEADER_BYTES);
        $at = strlen(JournalFile::GUARD);
        while (($bytes = $plain->read($at, File::CHUNK)) !== '') {
            $at += strlen($bytes);
            hash_update($hash, $bytes);
            yield (string) deflate_add($deflate, $bytes, ZLIB_NO_FLUSH);
        }
        yield (string) deflate_add($deflate, '', ZLIB_FINISH);
    }
}
