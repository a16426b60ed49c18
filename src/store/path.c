/* Paths and folders: what the writers of files share. */
#include "store/path.h"

#include <headflow/store.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

hf_status hf_path_join(hf_error *error, const char *folder, const char *name, char **out) {
    size_t head = strlen(folder), tail = strlen(name);
    HF_TRY(hf_allocate(error, head + tail + 2, 1, (void **)out));
    memcpy(*out, folder, head);
    (*out)[head] = '/';
    memcpy(*out + head + 1, name, tail);
    return HF_OK;
}

hf_status hf_path_folder(hf_error *error, const char *path, char **out) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return hf_string_copy(error, ".", out);
    HF_TRY(hf_string_copy(error, path, out));
    (*out)[slash == path ? 1 : slash - path] = '\0';
    return HF_OK;
}

static hf_status create_one(hf_error *error, const char *path) {
    struct stat status;
    if (mkdir(path, 0777) == 0)
        return HF_OK;
    int reason = errno;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return HF_OK;
    return hf_raise(error, HF_ERR_IO, "%s: cannot create the folder: %s", path, strerror(reason));
}

hf_status hf_folder_create(hf_error *error, const char *path) {
    char *partial;
    HF_TRY(hf_string_copy(error, path, &partial));
    hf_status status = HF_OK;
    for (char *slash = strchr(partial + 1, '/'); slash != NULL && status == HF_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = create_one(error, partial);
        *slash = '/';
    }
    if (status == HF_OK)
        status = create_one(error, partial);
    free(partial);
    return status;
}

/* The nearest folder above that is there decides. folder: overwritten */
static hf_status check_folder(hf_error *error, char *folder) {
    struct stat info;
    char *slash = folder + strlen(folder);
    for (; stat(folder, &info) != 0; *slash = '\0') {
        if (errno != ENOENT && errno != ENOTDIR)
            return hf_raise(error, HF_ERR_IO, "%s: cannot write: %s", folder, strerror(errno));
        slash = strrchr(folder, '/');
        if (slash == NULL || slash == folder) {
            strcpy(folder, slash == NULL ? "." : "/");
            slash = folder + 1;
        }
    }
    if (!S_ISDIR(info.st_mode))
        return hf_raise(error, HF_ERR_IO, "%s: cannot write there: not a folder", folder);
    if (access(folder, W_OK | X_OK) != 0)
        return hf_raise(error, HF_ERR_IO, "%s: cannot write there: %s", folder, strerror(errno));
    return HF_OK;
}

hf_status hf_output_check(hf_error *error, const char *path) {
    struct stat info;
    char *folder;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return hf_raise(error, HF_ERR_IO, "%s: cannot write: a folder", path);
    HF_TRY(hf_path_folder(error, path, &folder));
    hf_status status = check_folder(error, folder);
    free(folder);
    return status;
}

hf_status hf_folder_create_for(hf_error *error, const char *path) {
    char *folder;
    HF_TRY(hf_path_folder(error, path, &folder));
    hf_status status = hf_folder_create(error, folder);
    free(folder);
    return status;
}
