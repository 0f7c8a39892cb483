/* SHA-256 by OpenSSL's libcrypto, looked up when the module is loaded: it is the library behind
 * Python's own hashlib, but a build needs none of its headers. Called from here a run of leaves is
 * hashed in one go without the interpreter lock; hashlib takes it and lets go of it for each leaf,
 * which starves the other threads of a service. */
#include "kernel.h"

#include <dlfcn.h>
#include <stdlib.h>

/* EVP's digest interface, the same in every version from 1.1 on; contexts and digests are opaque. */
static struct {
    void *(*context_new)(void);
    void (*context_free)(void *);
    const void *(*sha256)(void);
    int (*init)(void *context, const void *digest, void *engine);
    int (*update)(void *context, const void *data, size_t length);
    int (*final)(void *context, unsigned char *out, unsigned int *length);
} evp;

/* ISO C has no conversion from an object pointer to a function pointer; POSIX has this one. */
static int look_up(void *library, const char *name, void *function)
{
    *(void **)function = dlsym(library, name);
    return *(void **)function != NULL;
}

int kernel_hashing_init(void)
{
    static const char *const names[] = {"libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (library && look_up(library, "EVP_MD_CTX_new", &evp.context_new) &&
            look_up(library, "EVP_MD_CTX_free", &evp.context_free) &&
            look_up(library, "EVP_sha256", &evp.sha256) &&
            look_up(library, "EVP_DigestInit_ex", &evp.init) &&
            look_up(library, "EVP_DigestUpdate", &evp.update) &&
            look_up(library, "EVP_DigestFinal_ex", &evp.final))
            return 1;
    }
    return 0;
}

int kernel_hash(uint8_t prefix, const uint8_t *data, size_t count, size_t length, uint8_t *out)
{
    void *context = evp.context_new();
    if (!context) return -1;
    const void *digest = evp.sha256();
    int ok = 1;
    for (size_t i = 0; ok && i < count; i++) {
        /* a null digest starts over with the one before, without looking it up again */
        ok = evp.init(context, i ? NULL : digest, NULL) && evp.update(context, &prefix, 1) &&
             evp.update(context, data + i * length, length) &&
             evp.final(context, out + i * DIGEST, NULL);
    }
    evp.context_free(context);
    return ok ? 0 : -1;
}
