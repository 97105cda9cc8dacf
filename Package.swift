// swift-tools-version: 6.2
import PackageDescription

/// What every target is compiled with: Swift 6 language mode comes with the tools version.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")

/// A module of LabKit: `labKit("Postgres", …)` is the target LabPostgres in Libraries/LabKit/Postgres.
func labKit(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(
        name: "Lab\(name)", dependencies: dependencies, path: "Libraries/LabKit/\(name)", resources: resources,
        swiftSettings: settings)
}

/// The tests of a LabKit module, in Tests/LabKitTests/<module>.
func labKitTests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "Lab\(name)Tests", dependencies: [.target(name: "Lab\(name)")] + dependencies,
        path: "Tests/LabKitTests/\(name)", swiftSettings: settings)
}

        labKitTests("State", ["LabCore", "LabPostgres", "LabTesting", logging]),
        labKitTests(
            "Service",
            ["LabCore", "LabHTTPClient", "LabMQTT", "LabPostgres", "LabServers", "LabState", "LabTesting", logging]),
    ]
        + service(
            "Provisioner", in: "provisioner",
            ["LabCore", "LabHTTPClient", "LabMQTT", "LabPostgres", "LabService", "LabState", logging],
            testDependencies: [nioCore, nioPosix])
)
