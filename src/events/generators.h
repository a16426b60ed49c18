/** @file generators.h
 *  What the generators share: their functions, for the table in generators.c. To add a generator, write its
 * file, declare its function here and give it a line in the table. The events that a function receives must
 * have the width and the classes that the table states. */
#ifndef HEADFLOW_EVENTS_GENERATORS_H
#define HEADFLOW_EVENTS_GENERATORS_H

#include <headflow/events.h>

hf_status hf_single_add(hf_error *error, const hf_generator_options *options, hf_events *events);
hf_status hf_retrieval_add(hf_error *error, const hf_generator_options *options, hf_events *events);
hf_status hf_opposite_add(hf_error *error, const hf_generator_options *options, hf_events *events);
hf_status hf_twoway_add(hf_error *error, const hf_generator_options *options, hf_events *events);
hf_status hf_words_add(hf_error *error, const hf_generator_options *options, hf_events *events);

#endif
