/* Stand-ins for NVIDIA's libraries, to be linked instead of them.
 *
 * The tensor library links libcuda and its like, so that a program with its feature `cuda` would not even start on a
 * machine without the driver. Linked with this file it starts anywhere: every function of those libraries is a jump
 * through a slot, and cuInit, which has to be called before all others, loads the libraries and fills the slots. Where
 * one of those that are used is missing, cuInit says that there is no device, and cuGetErrorString says which it was.
 *
 * entries.h, one line ENTRY(library, function) for each function, is made by packaging/cuda from the sources of the
 * bindings. For x86-64.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

/* CUDA_ERROR_NO_DEVICE */
enum { NO_DEVICE = 100 };

enum { cuda, nvrtc, curand, cublas, cublaslt, LIBRARIES };

/* Each library as CUDA 13 names it, and whether it is needed: kernels are compiled already, and products of floats are
 * cublas's. */
static const struct {
    const char *name;
    int needed;
} libraries[LIBRARIES] = {
    {"libcuda.so.1", 1}, {"libnvrtc.so.13", 0}, {"libcurand.so.10", 1}, {"libcublas.so.13", 1}, {"libcublasLt.so.13", 0},
};

static char missing[512];

/* What a slot leads to before its library is loaded, and for functions that the library does not have. */
static int absent(void) { return NO_DEVICE; }

#define ENTRY(library, function)                                                                    \
    __attribute__((visibility("hidden"))) void *slot_##function = (void *)absent;                   \
    __asm__(".text\n.globl " #function "\n.type " #function ", @function\n" #function ":\n\tjmp *slot_" #function \
            "(%rip)\n.size " #function ", .-" #function "\n");
#include "entries.h"
#undef ENTRY

/* These two are written below; what they call is found like all others. */
static int (*real_init)(unsigned);
static int (*real_error_string)(int, const char **);

static const struct {
    int library;
    const char *name;
    void **slot;
} entries[] = {
#define ENTRY(library, function) {library, #function, &slot_##function},
#include "entries.h"
#undef ENTRY
    {cuda, "cuInit", (void **)&real_init},
    {cuda, "cuGetErrorString", (void **)&real_error_string},
};

static void load(void) {
    void *handles[LIBRARIES];
    for (int library = 0; library < LIBRARIES; library++) {
        handles[library] = dlopen(libraries[library].name, RTLD_NOW | RTLD_LOCAL);
        if (!handles[library] && libraries[library].needed) {
            snprintf(missing, sizeof missing, "the library %s is not here", libraries[library].name);
            return;
        }
    }
    for (size_t index = 0; index < sizeof entries / sizeof entries[0]; index++) {
        void *handle = handles[entries[index].library];
        void *function = handle ? dlsym(handle, entries[index].name) : NULL;
        if (function) *entries[index].slot = function;
    }
}

int cuInit(unsigned flags) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return real_init && !missing[0] ? real_init(flags) : NO_DEVICE;
}

int cuGetErrorString(int error, const char **text) {
    if (real_error_string) return real_error_string(error, text);
    *text = missing;
    return 0;
}
