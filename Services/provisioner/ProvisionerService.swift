import LabCore
public import LabPostgres
public import LabService
public import LabState

/// The service that puts apps online: it has them run, declares their routes and documents them.
public struct ProvisionerService: LabService {
    public static let name = "provisioner"
    public static let summary = "Puts apps online: runs or watches them, declares their routes, writes their pages."
    public static let kinds: [any ResourceKind.Type] = [App.self]
    public static let operations: [any Operation] =
        App.resourceOperations + [
            PlanApp(), RestartApp(), StopApp(), StartApp(), RollBackApp(), UpgradeApp(), ExecuteInApp(), EraseApp(),
            AppLogs(), AppStats(), ListReleases(), GetRelease(),
            ListSecrets(), RevealSecret(), RotateSecret(), SetSecret(), RemoveSecret(),
            ListCatalog(), GetCatalogApp(),
            GetAppPage(), ListChangelog(),
        ]
    public static let databaseSchema: String? = "provisioner"
    public static let migrations = [
        PostgresMigration(
            name: "provisioner_0001_releases",
            sql: String(decoding: PackageResources.provisioner_0001_releases_sql, as: UTF8.self)),
        PostgresMigration(
            name: "provisioner_0002_written_files",
            sql: String(decoding: PackageResources.provisioner_0002_written_files_sql, as: UTF8.self)),
        PostgresMigration(
            name: "provisioner_0003_release_origin",
            sql: String(decoding: PackageResources.provisioner_0003_release_origin_sql, as: UTF8.self)),
        PostgresMigration(
            name: "provisioner_0004_stopped",
            sql: String(decoding: PackageResources.provisioner_0004_stopped_sql, as: UTF8.self)),
    ]

    public let reconcilers: [any Reconciler]
    public let background: [BackgroundTask]

    /// - Throws: `SettingError` for `LAB_DOMAIN`, `LAB_ZONES`, `LAB_DOCS_DIR`, `LAB_PLATFORM_APPS`,
    ///   `LAB_DOCKER_…`, `LAB_APPS_DIR` and `LAB_HOME_ASSISTANT_…`.
    public init(_ lab: LabContext) throws {
        let names = try LabNames(lab.settings)
        let pages = try PageStore(lab.settings)
        let runtimes = try Runtimes(lab)
        let watch = RuntimeWatch(runtimes, store: lab.store, replica: lab.replica, logger: lab.logger)
        reconcilers = [
            AppReconciler(names: names, watch: watch, docs: DocsWriter(pages, clock: lab.clock), clock: lab.clock)
        ]
        let events = DockerEvents(
            engine: runtimes.docker.engine, settings: runtimes.docker.settings, watch: watch, logger: lab.logger)
        let keeper = DocsKeeper(pages, names: names, lab: lab)
        let announcer = try AppAnnouncer(names: names, runtimes: runtimes, lab: lab)
        var background = [
            BackgroundTask("runtimes") { try await watch.run() },
            BackgroundTask("docs") { try await keeper.run() },
            BackgroundTask("announcement") { try await announcer.run() },
            BackgroundTask("containers") {
                CheckFolders(directory: runtimes.docker.settings.appsDirectory).removeLeftovers()
                try await events.run()
            },
        ]
        if let platform = try Self.platform(lab.settings) {
            background.append(
                BackgroundTask("platform apps") { try await platform.keep(lab.store, logger: lab.logger) })
        }
        self.background = background
    }

    private static func platform(_ settings: LabSettings) throws -> PlatformApps? {
        guard let text = settings["LAB_PLATFORM_APPS"] else { return nil }
        do {
            return try PlatformApps(text)
        } catch {
            throw SettingError(key: "LAB_PLATFORM_APPS", detail: error.detail, remedy: error.remedy)
        }
    }
}
