/* Paths and folders: what the writers of files share. */
#ifndef HF_STORE_PATH_H
#define HF_STORE_PATH_H

#include <headflow/base.h>

/* "folder/name" on the heap; free it with free(). */
hf_status hf_path_join(hf_error *error, const char *folder, const char *name, char **out);

/* The folder that a path lies in, "." when it names none; free it with free(). */
hf_status hf_path_folder(hf_error *error, const char *path, char **out);

/* Create a folder and those above it; one that is there already is fine. */
hf_status hf_folder_create(hf_error *error, const char *path);

/* Create the folders above a file. */
hf_status hf_folder_create_for(hf_error *error, const char *path);

#endif
