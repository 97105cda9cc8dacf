import LabCore
import LabCrypto
public import LabPostgres
public import LabService
public import LabState
import Logging

/// The service that leads host names to what runs in the lab: routes, certificates, and the proxy between.
public struct ProxyRouterService: HasDocuments {
    public static let name = "proxy-router"
    public static let summary =
        "Leads host names to upstreams over HTTPS, with certificates of the lab's own authority."
    public static let kinds: [any ResourceKind.Type] = [Route.self, ServerCertificate.self]
    public static let operations: [any Operation] =
        Route.resourceOperations + ServerCertificate.resourceOperations + [GetAuthority()]
    public static let databaseSchema: String? = "proxy"
    public static let migrations = [
        PostgresMigration(
            name: "proxy_0001_certificates",
            sql: String(decoding: PackageResources.proxy_0001_certificates_sql, as: UTF8.self))
    ]

    /// The token that Traefik fetches its configuration with: all private keys are in that.
    public static let traefikTokenName = "traefik"

    public let reconcilers: [any Reconciler]
    public let documents: [ServedDocument]

    /// - Throws: `SettingError` for what is wrong with the configuration, `CryptoError` for the sealing key file.
    public init(_ lab: LabContext) throws {
        let settings = try ProxySettings(lab.settings)
        let keys = try SealingKeyFile(path: settings.sealingKeyFile).loadOrCreate()
        let postgres = lab.store.postgres
        let authority = InternalAuthority(
            postgres: postgres, keys: keys, domain: settings.domains.domain,
            constrainsNames: settings.domains.isOneDomain, exportPath: settings.authorityFile, clock: lab.clock)
        let certificates = CertificateStore(
            postgres: postgres, keys: keys, issuers: Issuers(internal: authority), clock: lab.clock)
        let (proxy, documents) = try Self.proxy(settings, lab)
        self.documents = documents
        reconcilers = [
            RouteReconciler(
                proxy: proxy,
                table: RouteTable(
                    rules: RouteRules(
                        domains: settings.domains, access: proxy.capabilities.access, proxy: proxy.capabilities.name)),
                needs: RouteNeeds(address: settings.address), certificates: certificates,
                prober: Prober(
                    names: LabResolver(settings.resolver, proxy: settings.address), port: settings.publicHTTPSPort,
                    capabilities: proxy.capabilities, target: settings.probe, issuer: authority, logger: lab.logger),
                logger: lab.logger),
            CertificateReconciler(certificates: certificates),
        ]
    }

    /// The driver that the settings name, with the documents that its proxy fetches.
    private static func proxy(
        _ settings: ProxySettings, _ lab: LabContext
    ) throws -> (any Proxy, [ServedDocument]) {
        switch settings.driver {
        case .nginx:
            guard let nginx = settings.nginx else { break }
            return (NginxProxy(nginx, client: lab.http, logger: lab.logger), [])
        case .traefik:
            break
        }
        do {
            let proxy = try TraefikProxy(settings.traefik)
            return (proxy, [ServedDocument("/v1/traefik/configuration", reader: traefikTokenName) { proxy.answer }])
        } catch {
            throw SettingError(key: "LAB_TRAEFIK_FILE", detail: error.detail, remedy: error.remedy)
        }
    }

    /// Writes what nginx needs to start, where it is missing: to be called before nginx is started for the first time.
    /// Does nothing for another driver.
    public static func prepareProxy(_ settings: LabSettings, lab: LabContext) async throws {
        guard let nginx = try ProxySettings(settings).nginx else { return }
        try await NginxProxy(nginx, client: lab.http, logger: lab.logger).prepare()
    }
}
