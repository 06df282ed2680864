#!/bin/sh
# geckodriver has Firefox end when a tab's process does; a user's Firefox goes on.
unset MOZ_CRASHREPORTER_SHUTDOWN
exec "${FIREFOX:-firefox-esr}" "$@"
