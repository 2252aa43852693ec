/* A program that uses the library from outside. */
#include <lstm/lstm.h>
#include <stdio.h>

int main(void)
{
    lstm_context *context = NULL;
    if (lstm_context_create(NULL, &context) != LSTM_OK) {
        fprintf(stderr, "%s\n", lstm_error_message());
        return 1;
    }
    printf("liblstm %s\n", lstm_version());
    lstm_context_destroy(context);
    return 0;
}
