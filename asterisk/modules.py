"""The modules of Asterisk that a line loads: exactly these, with autoload off.

Against autoload this halves the time to boot and the memory, and leaves no door open that nobody
looks after. A word stands beside a module where its name does not say why it is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

MODULES: tuple[str, ...] = (
    # The ground: clock, stored objects, keys.
    "res_timing_timerfd",
    "res_sorcery_config",  # pjsip.conf as objects
    "res_sorcery_memory",  # contacts of a registration
    "res_sorcery_astdb",  # contacts that outlive a restart
    "res_crypto",  # func_aes
    "res_speech",  # res_agi links to it
    "res_cdrel_custom",  # cel_sqlite3_custom links to it
    # SIP.
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_pubsub",  # chan_pjsip links to it
    "chan_pjsip",
    "res_pjsip_acl",
    "res_pjsip_authenticator_digest",  # who calls or registers here
    "res_pjsip_outbound_authenticator_digest",  # when the trunk asks us
    "res_pjsip_outbound_registration",
    "res_pjsip_registrar",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_endpoint_identifier_anonymous",
    "res_pjsip_caller_id",
    "res_pjsip_dtmf_info",  # keys of phones that send INFO
    "res_pjsip_header_funcs",
    "res_pjsip_logger",  # pjsip set logger on
    "res_pjsip_nat",
    "res_pjsip_rfc3326",  # the reason of a hang-up: answered elsewhere
    "res_pjsip_sdp_rtp",
    "res_rtp_asterisk",
    # Sound.
    "codec_a_mu",
    "codec_alaw",
    "codec_g722",
    "codec_gsm",
    "codec_resample",
    "codec_ulaw",
    "format_gsm",
    "format_pcm",  # alaw, ulaw, g722
    "format_sln",
    "format_wav",
    "format_wav_gsm",
    "res_convert",  # file convert
    "res_musiconhold",
    # Two channels together.
    "bridge_simple",
    "bridge_native_rtp",
    "bridge_softmix",
    "bridge_holding",
    "bridge_builtin_features",  # a key that hangs up or transfers
    "bridge_builtin_interval_features",  # L() of Dial
    # The dialplan.
    "pbx_config",
    "app_bridgewait",
    "app_celgenuserevent",
    "app_channelredirect",
    "app_db",
    "app_dial",
    "app_echo",
    "app_exec",
    "app_milliwatt",  # a tone to measure with
    "app_originate",
    "app_playback",
    "app_playtones",
    "app_queue",
    "app_read",
    "app_record",
    "app_sayunixtime",
    "app_senddtmf",
    "app_softhangup",
    "app_stack",  # Gosub
    "app_userevent",
    "app_verbose",
    "app_while",
    "func_aes",
    "func_base64",
    "func_callerid",
    "func_channel",
    "func_cut",
    "func_db",
    "func_devstate",
    "func_dialplan",
    "func_export",  # a value to another channel
    "func_global",
    "func_groupcount",  # how many of a kind at once
    "func_hangupcause",
    "func_logic",
    "func_math",
    "func_md5",
    "func_pjsip_aor",
    "func_pjsip_contact",
    "func_pjsip_endpoint",
    "func_rand",
    "func_sha1",
    "func_sprintf",
    "func_strings",
    "func_timeout",
    "func_uri",
    # What others see of it.
    "cel_manager",
    "cel_sqlite3_custom",
    "res_agi",
    "res_manager_devicestate",  # what the phones do, asked at once
    "res_clioriginate",  # the trial's call to itself
    "res_security_log",  # failed sign-ins
)
# Absent from some versions that are good enough (20 and later): there nothing needs them.
VERSIONED: frozenset[str] = frozenset({"res_cdrel_custom"})


def loadable(folder: Path, names: Iterable[str] = MODULES) -> list[str]:
    """The modules to name in modules.conf for an Asterisk whose modules are in `folder`."""
    return [name for name in names if (folder / f"{name}.so").exists() or name not in VERSIONED]


def missing(folder: Path, names: Iterable[str] = MODULES) -> list[str]:
    """What an Asterisk whose modules are in `folder` lacks for our lines."""
    return [name for name in loadable(folder, names) if not (folder / f"{name}.so").exists()]
