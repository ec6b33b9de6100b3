/** What an address and a password must be like, and what Appwrite says of them. */

import { AppwriteException } from 'appwrite';
import { troubleOf } from '../lib/trouble';

/** Characters of a password; Appwrite's own limits. */
export const PASSWORD_CHARS_MIN = 8;
export const PASSWORD_CHARS_MAX = 256;

export type Credential = 'email' | 'password';
export interface Refusal {
  /** Which field it stands beside; neither where it concerns both. */
  field: Credential | undefined;
  message: string;
}

/** What is wrong before anybody is asked. A password that exists already may break today's rules. */
export function check(email: string, password: string, isNew: boolean): Refusal[] {
  const refusals: Refusal[] = [];
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email)) {
    refusals.push({ field: 'email', message: 'Write an e-mail address, for example ada@example.org.' });
  }
  const chars = [...password].length;
  if (password === '') refusals.push({ field: 'password', message: 'Write the password.' });
  else if (isNew && chars < PASSWORD_CHARS_MIN) {
    refusals.push({ field: 'password', message: `Use at least ${PASSWORD_CHARS_MIN} characters.` });
  } else if (chars > PASSWORD_CHARS_MAX) {
    refusals.push({ field: 'password', message: `Use at most ${PASSWORD_CHARS_MAX} characters.` });
  }
  return refusals;
}

/** An answer of Appwrite in the words of this page. */
export function refusalOf(error: unknown, endpoint: string): Refusal {
  const type = error instanceof AppwriteException ? error.type : '';
  const text = error instanceof Error ? error.message : '';
  switch (type) {
    case 'user_invalid_credentials':
      return { field: undefined, message: 'The e-mail address or the password is not right.' };
    case 'user_already_exists':
    case 'user_email_already_exists':
    case 'user_target_already_exists':
    // What Appwrite says of a taken address, so that nobody learns who has an account.
    case 'general_bad_request':
      return { field: 'email', message: 'This address can not be used. If you have an account with it, sign in instead.' };
    case 'user_blocked':
      return { field: undefined, message: 'This account is blocked. Ask whoever runs this Appwrite project.' };
    case 'password_personal_data':
      return { field: 'password', message: 'The password holds part of your address. Use another one.' };
    case 'general_rate_limit_exceeded':
      return { field: undefined, message: 'Too many attempts. Wait an hour, then try again.' };
    default:
      break;
  }
  if (/`password` param/.test(text)) {
    return {
      field: 'password',
      message: `Use ${PASSWORD_CHARS_MIN} to ${PASSWORD_CHARS_MAX} characters, and not one of the most common passwords.`,
    };
  }
  if (/`email` param/.test(text)) return { field: 'email', message: 'This is no e-mail address that can be used.' };
  return { field: undefined, message: troubleOf(error, endpoint).message };
}
