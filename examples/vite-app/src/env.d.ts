/// <reference types="vite/client" />

/** What `.env.example` names. */
interface ImportMetaEnv {
  readonly VITE_TELEMETRY_URL?: string;
  readonly VITE_TELEMETRY_TOKEN?: string;
  readonly VITE_APP?: string;
  readonly VITE_RELEASE?: string;
}
