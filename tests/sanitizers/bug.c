/* Deliberate bugs: what is compiled like this must be reported, else the sanitizers are off. */
#include <limits.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    char *heap = malloc(8);
    int i = INT_MAX - 1 + argc;
    (void)argv;
    if (argc > 1) {
        return i + argc; /* undefined: overflow */
    }
    free(heap);
    return heap[3]; /* use after free */
}
