/**
 * Two versions: our own, and the level of Consul's API and protocols that tools and peers may rely on. Whatever
 * speaks to Consul's tools and peers (the first line of `consul version`, the `build` tag) names the latter.
 */
export const PROCONSUL_VERSION = '0.1.0'
export const CONSUL_API_VERSION = '1.8.7'
