#pragma once

#include <stddef.h>

/// A file of the console, as the gateway serves it: what a browser of an operator loads.
struct kassa_console_file {
    /// Its name in the folder `assets`, "console.css".
    const char *name;
    /// Its media type, with the character set where it is text.
    const char *type;
    /// Its contents, which last as long as the process; not ended by a zero.
    const unsigned char *bytes;
    size_t length;
};

/// How many files there are; the first is the page itself.
size_t kassa_console_count(void);

/// The file at a place, from 0 up to the count; one without a name beyond it.
struct kassa_console_file kassa_console_at(size_t place);
