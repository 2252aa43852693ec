/* Graphs that the seeds of two targets are made of. */
#ifndef GRAPHS_H
#define GRAPHS_H

static const struct {
    const char *name, *text;
} fuzz_graphs[] = {
    {"lstm", "{\"input_size\":1,\"layers\":[{\"type\":\"rnn\",\"return\":\"last\",\"cell\":{\"type\":\"lstm\","
             "\"num_units\":2}},{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}]}"},
    {"full_lstm", "{\"input_size\":2,\"layers\":[{\"type\":\"rnn\",\"scope\":\"a/b\",\"cell\":{\"type\":\"lstm\","
                  "\"num_units\":3,\"use_peepholes\":true,\"cell_clip\":0.5,\"num_proj\":2,\"proj_clip\":1,"
                  "\"forget_bias\":0,\"activation\":\"relu\"}}]}"},
    {"stack", "{\"input_size\":2,\"layers\":[{\"type\":\"dense\",\"units\":2,\"scope\":\"in\",\"activation\":\"tanh\"},"
              "{\"type\":\"rnn\",\"cell\":{\"type\":\"multi_rnn\",\"cells\":[{\"type\":\"residual\",\"cell\":{\"type\":"
              "\"basic_rnn\",\"num_units\":2}},{\"type\":\"gru\",\"num_units\":1,\"activation\":\"sigmoid\"}]}}]}"},
    {"both_ways",
     "{\"input_size\":1,\"layers\":[{\"type\":\"bidirectional_rnn\",\"merge\":\"sum\",\"forward\":{\"type\":"
     "\"basic_lstm\",\"num_units\":2,\"forget_bias\":0.5},\"backward\":{\"type\":\"cudnn_compatible_gru\","
     "\"num_units\":2},\"return\":\"sequence\"}]}"},
    {"layer_norm", "{\"input_size\":1,\"layers\":[{\"type\":\"rnn\",\"cell\":{\"type\":\"layer_norm_basic_lstm\","
                   "\"num_units\":2}},{\"type\":\"rnn\",\"scope\":\"2\",\"return\":\"last\",\"cell\":{\"type\":"
                   "\"layer_norm_basic_lstm\",\"layer_norm\":false,\"num_units\":1}}]}"},
    {"dense", "{\"input_size\":2,\"layers\":[{\"type\":\"dense\",\"units\":1,\"use_bias\":false}]}"},
};
enum { FUZZ_GRAPHS = sizeof fuzz_graphs / sizeof fuzz_graphs[0] };

#endif
