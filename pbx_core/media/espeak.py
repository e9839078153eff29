"""espeak-ng as a process of its own: `python espeak.py` reads {"voice", "text"} as JSON and writes the sample rate, a
line end, and the samples (16 bit, mono). The library keeps its state in globals and reads text from anybody: it may
hang or die here without harm."""

from __future__ import annotations

import ctypes
import json
import resource
import sys

RETRIEVE = 2  # AUDIO_OUTPUT_SYNCHRONOUS: the samples come in a callback before espeak_Synth returns
NO_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT
UTF8_PLAIN = 1  # espeakCHARS_UTF8, and neither espeakSSML nor espeakPHONEMES
RATE_PARAMETER, WORDS_PER_MINUTE = 1, 150
SOUND_S_MAX = 120
CPU_S_MAX = 20
MEMORY_BYTES_MAX = 512 << 20


def main() -> int:
    """0; 2 when the library knows no such voice, 3 when it fails."""
    import espeakng_loader

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    wish = json.load(sys.stdin)
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(RETRIEVE, 0, espeakng_loader.get_data_path().encode(), NO_EXIT)
    if rate <= 0:
        return 3
    if library.espeak_SetVoiceByName(wish["voice"].encode()) != 0:
        return 2
    library.espeak_SetParameter(RATE_PARAMETER, WORDS_PER_MINUTE, 0)
    sound = bytearray()

    def take(samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        return 1 if len(sound) > 2 * SOUND_S_MAX * rate else 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(take)
    library.espeak_SetSynthCallback(callback)
    text = wish["text"].encode() + b"\0"
    if library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 0, 0, UTF8_PLAIN, None, None) != 0:
        return 3
    sys.stdout.buffer.write(f"{rate}\n".encode() + sound)
    return 0


if __name__ == "__main__":
    sys.exit(main())
