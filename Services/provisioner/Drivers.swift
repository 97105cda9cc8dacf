import LabHTTPClient
import LabPostgres
import LabService
import LabState
import Logging

/// The runtimes, one for each name that a declaration can give: the table of contents of the seam.
struct Runtimes: Sendable {
    private let native: NativeRuntime
    let docker: DockerRuntime

    /// - Parameter timeout: how long an app may take to answer when it is looked at.
    /// - Throws: `SettingError` for `LAB_DOCKER_…` and `LAB_APPS_DIR`.
    init(
        _ settings: LabSettings, http: HTTPClient, postgres: PostgresClient, timeout: Duration = .seconds(5),
        logger: Logger
    ) throws {
        native = NativeRuntime(http: http, timeout: timeout)
        docker = DockerRuntime(
            try DockerSettings(settings), releases: ReleaseStore(postgres: postgres), native: native, logger: logger)
    }

    init(_ lab: LabContext) throws {
        try self.init(lab.settings, http: lab.http, postgres: lab.store.postgres, logger: lab.logger)
    }

    subscript(name: RuntimeName) -> any Runtime {
        switch name {
        case .native: native
        case .docker: docker
        }
    }
}
