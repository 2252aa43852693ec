/* Which CBLAS a program that is linked with liblstm runs: says the file it comes from; fails unless it is the vendor named
 * by the argument. The loader, not the linker, has the last word, and Debian's libblas.so.3 may well be OpenBLAS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <lstm/lstm.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    lstm_context *context = NULL;
    if (argc != 2 || lstm_context_create(NULL, &context) != LSTM_OK)
        return 2;
    lstm_context_destroy(context);

    Dl_info info = {0};
    void *product = dlsym(RTLD_DEFAULT, "cblas_sgemm");
    if (!product || !dladdr(product, &info)) {
        printf("no cblas_sgemm in this program\n");
        return 1;
    }
    bool is_openblas = dlsym(RTLD_DEFAULT, "openblas_get_config") != NULL;
    printf("cblas_sgemm of %s, which is %s\n", info.dli_fname, is_openblas ? "OpenBLAS" : "not OpenBLAS");
    return is_openblas == (strcmp(argv[1], "openblas") == 0) ? 0 : 1;
}
