/** The shapes of well-known credentials, as `shared/pipeline/src/secrets.rs` has them. */

const KEYS = [
  /(?:xai-|github_pat_|ghp_|gho_|ghu_|ghr_)[\w-]{20}/,
  /sk-ant-[\w-]{16}/,
  /ghs_[\w.-]{20}/,
  /standard_[0-9a-fA-F]{32}/,
  /(?:ephemeral|dynamic)_eyJ[\w.-]{16}/,
  /(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])/,
  /-----BEGIN [A-Z ]{0,25}PRIVATE KEY-----/,
  /eyJ[\w-]{7,1021}\.[\w-]+\./,
];

export const holdsCredential = (text: string): boolean => KEYS.some((key) => key.test(text));
