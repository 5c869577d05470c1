#pragma once
#include "kassa_crc32c.h"
#include "kassa_epoll.h"
#include "kassa_sha256.h"
#include "kassa_stage.h"
#include "kassa_thread.h"
