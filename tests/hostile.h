/* The files that lstm-run is given by check of all that is hostile, and what it has to say to them. */
#ifndef HOSTILE_H
#define HOSTILE_H

/* A change of a good file's header, the number of bytes that its data then grow by, and words of the line that refuses
 * it. what: NULL ends a list. find: NULL stands for the whole header. */
typedef struct hostile_edit {
    const char *what, *find, *replace;
    long more;
    const char *words;
} hostile_edit;

/* A good model with two self-tests, and good inputs for it: headers whose data are so many bytes. */
extern const char hostile_model[], hostile_inputs[];
enum { HOSTILE_MODEL_DATA = 272, HOSTILE_INPUTS_DATA = 144 };

/* What no mode takes; what --selftest does not take; inputs. */
extern const hostile_edit hostile_models[], hostile_selftests[], hostile_input_edits[];

/* Command lines of wrong usage, words apart by spaces, with words of the refusal; ends with NULL. */
extern const char *const hostile_usages[][2];

#endif
