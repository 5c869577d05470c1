/// What this build is called.
package enum Build {
    package static let version = "0.1.0"
    #if DEBUG
        static let configuration = "debug"
    #else
        static let configuration = "release"
    #endif
}
