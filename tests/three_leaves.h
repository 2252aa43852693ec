/* A custom cell of three state leaves (2, 3 and 1 wide) and an output 4 wide, which is none of them. */
#ifndef THREE_LEAVES_H
#define THREE_LEAVES_H

#include <lstm/lstm.h>

/* Input 2 wide; rows start from 0.5. One variable, w[4].
 * a' = tanh(w0 x0 + a); b' = b / 2 + w1 (sum of a'); n' = tanh(n + w2 x1); output = w3 b'0 + a'k + n'. */
lstm_cell *three_leaves_create(void);

#endif
