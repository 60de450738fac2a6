/* Deliberate bugs: what is compiled like this must be reported, else the sanitizers are off. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    char *volatile heap = malloc(8); /* volatile: else it is never allocated */
    if (argc > 1 && !strcmp(argv[1], "overflow")) {
        int i = INT_MAX - 2 + argc;
        free(heap);
        return i + argc;
    }
    if (argc > 1 && !strcmp(argv[1], "leak")) {
        heap = NULL;
        return heap != NULL;
    }
    free(heap);
    return heap[3]; /* use after free */
}
