<?php

declare(strict_types=1);

namespace Beaconry\Wire;

/** The text is not the JSON that was asked for. */
final class BadJson extends \Exception
{
}
