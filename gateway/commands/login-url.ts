import { loadConfig } from '../config/load.js';
import { loginUrl } from '../edge/login-codes.js';
import { browserUrl } from '../public-url.js';

export async function printLoginUrl(): Promise<void> {
  const { config } = await loadConfig(process.env);
  process.stdout.write(`${await loginUrl(browserUrl(config, config.listen), config.token)}\n`);
}
